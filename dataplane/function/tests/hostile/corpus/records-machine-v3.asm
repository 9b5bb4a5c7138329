# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r3, [%r1]
    mov %r1, %r3
    add %r1, 2
    jgt %r1, %r2, i40
    mov %r0, 0
    ja i14
i8:
    add %r4, %r5
i9:
    mov %r0, %r4
    mov %r3, %r1
i11:
    mov %r1, %r3
    add %r1, 2
    jgt %r1, %r2, i40
i14:
    mov %r4, %r0
    ldxb %r5, [%r3+1]
    ldxb %r6, [%r3]
    jsgt32 %r6, 2, i24
    jeq32 %r6, 0, i8
    jeq32 %r6, 1, i29
    jeq32 %r6, 2, i22
    ja i39
i22:
    mul %r4, %r5
    ja i9
i24:
    jeq32 %r6, 3, i31
    jeq32 %r6, 4, i33
    mov %r0, %r4
    jeq32 %r6, 9, i40
    ja i39
i29:
    sub %r4, %r5
    ja i9
i31:
    xor %r4, %r5
    ja i9
i33:
    mov %r0, -1
    add %r3, 10
    jgt %r3, %r2, i40
    ldxdw %r0, [%r1]
    add %r0, %r4
    ja i11
i39:
    mov %r0, -1
i40:
    exit
