# hook call
# In the second turn of the loop register 2 points to the stack, no more to the input.
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 256, i7
    stxb [%r10-64], %r1
i6:
    jne32 %r1, 0, i8
i7:
    exit
i8:
    mov %r5, %r10
    add %r5, -64
    ldxb %r3, [%r5]
    mov %r6, %r2
    add %r6, %r3
    ldxb %r6, [%r6]
    mov %r2, %r5
    ja i6
