# hook call
f0:
    mov %r6, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 8
    jlt %r2, %r3, i108
    ldxw %r2, [%r1]
    jgt32 %r2, 4095, i108
    lddw %r3, variables[0]
    stxw [%r3], %r2
    mov32 %r3, %r2
    and32 %r3, 63
    mov %r4, 1
    lsh %r4, %r3
    rsh32 %r2, 6
    lsh %r2, 3
    lddw %r3, variables[16448]
    add %r3, %r2
    ldxdw %r2, [%r3]
    or %r2, %r4
    stxdw [%r3], %r2
    mov32 %r6, 1
    ldxw %r1, [%r1+4]
    jeq32 %r1, 0, i33
    mov32 %r2, 1
    mov32 %r7, 0
    mov32 %r6, 1
    ja i35
i28:
    ldxw %r1, [%r10-280]
    add32 %r1, -1
    jeq32 %r1, 0, i33
    mov32 %r2, %r6
    jlt32 %r7, %r6, i35
i33:
    add32 %r6, -1
    ja i108
i35:
    stxw [%r10-280], %r1
    jle32 %r2, %r7, i28
    mov32 %r6, %r2
    jgt32 %r7, 4095, i28
    mov32 %r1, %r7
    mov32 %r6, %r2
    stxw [%r10-272], %r2
    ja i50
i43:
    ldxw %r1, [%r10-264]
    add32 %r7, %r1
    ldxw %r2, [%r10-272]
    jle32 %r2, %r7, i28
    mov32 %r1, %r7
    jlt32 %r7, 4096, i50
    ja i28
i50:
    mov32 %r7, %r2
    sub32 %r7, %r1
    jlt32 %r7, 16, i54
    mov32 %r7, 16
i54:
    stxw [%r10-264], %r1
    mov32 %r2, %r1
    lsh %r2, 2
    lddw %r1, variables[0]
    add %r1, %r2
    mov %r4, %r10
    add %r4, -256
    mov %r2, 4
    mov %r3, %r7
    mov %r5, 16
    call 2
    jeq32 %r7, 0, i43
    mov %r1, 0
    ja i98
i68:
    add %r3, 4
    jge %r2, %r3, i73
i70:
    add %r1, 1
    jlt %r1, %r7, i98
    ja i43
i73:
    ldxw %r4, [%r3-4]
    jgt32 %r4, 4095, i68
    jgt32 %r6, 4095, i68
    mov32 %r0, %r4
    and32 %r0, 63
    mov %r5, 1
    lsh %r5, %r0
    mov32 %r9, %r4
    rsh32 %r9, 6
    lsh %r9, 3
    lddw %r0, variables[16448]
    add %r0, %r9
    ldxdw %r8, [%r0]
    mov %r9, %r8
    and %r9, %r5
    jne %r9, 0, i68
    or %r8, %r5
    stxdw [%r0], %r8
    mov32 %r5, %r6
    lsh %r5, 2
    lddw %r0, variables[0]
    add %r0, %r5
    stxw [%r0], %r4
    add32 %r6, 1
    ja i68
i98:
    mov %r2, %r1
    lsh %r2, 4
    mov %r3, %r10
    add %r3, -256
    add %r3, %r2
    ldxdw %r2, [%r3+8]
    ldxdw %r3, [%r3]
    add %r3, 4
    jlt %r2, %r3, i70
    ja i73
i108:
    mov %r0, %r6
    exit
.variables zero 16960
